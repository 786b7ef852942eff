<%@ page session="false" %>
<%@ include file="WEB-INF/pages.jspf" %>
<%
    work(request);
    out.print("none");
%>
