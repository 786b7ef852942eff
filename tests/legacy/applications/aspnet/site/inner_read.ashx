<%@ WebHandler Language="C#" Class="Legacy.InnerRead" %>
