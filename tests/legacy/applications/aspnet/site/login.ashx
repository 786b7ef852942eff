<%@ WebHandler Language="C#" Class="Legacy.Login" %>
