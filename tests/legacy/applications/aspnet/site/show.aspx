<%@ Page Language="C#" %><%= Legacy.Show.Json(Context) %>
