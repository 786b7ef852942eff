<%@ WebHandler Language="C#" Class="Legacy.Inner" %>
