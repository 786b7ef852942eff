<%@ WebHandler Language="C#" Class="Legacy.Timings" %>
