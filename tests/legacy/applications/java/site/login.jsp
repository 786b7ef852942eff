<%@ include file="WEB-INF/pages.jspf" %>
<%-- What a container does at a login by itself, and Spring Security too: the same session gets another id. --%>
<%
    enter(session, application);
    try {
        work(request);
        request.changeSessionId();
        out.print(counter(session));
    } finally {
        leave(session, application);
    }
%>
