<%@ include file="WEB-INF/pages.jspf" %>
<%
    enter(session, application);
    try {
        int counter = counter(session);
        work(request);
        session.setAttribute("counter", counter + 1);
        out.print(counter + 1);
    } finally {
        leave(session, application);
    }
%>
