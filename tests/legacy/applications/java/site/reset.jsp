<%@ page session="false" %>
<%@ include file="WEB-INF/pages.jspf" %>
<%
    number(application, "overlaps").set(0);
    out.print("reset");
%>
