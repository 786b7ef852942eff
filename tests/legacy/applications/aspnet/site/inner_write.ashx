<%@ WebHandler Language="C#" Class="Legacy.InnerWrite" %>
