<%@ Page Language="C#" EnableSessionState="true" %><%= Legacy.Pages.Write(Context) %>
