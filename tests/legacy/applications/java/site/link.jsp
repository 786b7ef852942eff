<%@ include file="WEB-INF/pages.jspf" %>
<%-- The link to a page as the container writes it: with the id for a browser that has sent no cookie. --%>
<%
    counter(session);
    out.print(response.encodeURL(request.getContextPath() + "/" + request.getParameter("to")));
%>
