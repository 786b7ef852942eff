<%@ Page Language="C#" EnableSessionState="ReadOnly" %><%= Legacy.Pages.Read(Context) %>
