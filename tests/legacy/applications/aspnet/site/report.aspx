<%@ Page Language="C#" %><%= Legacy.Pages.Read(Context) %>
