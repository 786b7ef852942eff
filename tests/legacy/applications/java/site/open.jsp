<%@ page session="false" %>
<%@ include file="WEB-INF/pages.jspf" %>
<%-- Lets the pages go on that wait at this gate. --%>
<%
    number(application, "gate " + request.getParameter("gate")).set(1);
    out.print("open");
%>
