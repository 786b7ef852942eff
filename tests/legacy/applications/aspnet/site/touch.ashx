<%@ WebHandler Language="C#" Class="Legacy.Touch" %>
