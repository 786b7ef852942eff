<%@ WebHandler Language="C#" Class="Legacy.StatsOf" %>
