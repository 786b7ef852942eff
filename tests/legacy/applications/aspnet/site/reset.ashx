<%@ WebHandler Language="C#" Class="Legacy.Reset" %>
