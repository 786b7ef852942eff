<%@ include file="WEB-INF/pages.jspf" %>
<%
    number(application, "readers").incrementAndGet();
    try {
        int counter = counter(session);
        work(request);
        out.print(counter);
    } finally {
        number(application, "readers").decrementAndGet();
    }
%>
