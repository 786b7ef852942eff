<%@ Page Language="C#" EnableSessionState="false" %><%= Legacy.Pages.None(Context) %>
