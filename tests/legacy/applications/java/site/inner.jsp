<%@ include file="WEB-INF/pages.jspf" %>
<%@ page import="java.net.*, java.util.Scanner" %>
<%
    URL url = new URL("http://" + request.getHeader("host") + request.getContextPath() + "/write.jsp?ms=0");
    HttpURLConnection call = (HttpURLConnection) url.openConnection();
    call.setRequestProperty("Cookie", request.getHeader("Cookie"));
    String ticket = request.getHeader("X-Onelane-Ticket");
    if (ticket != null && request.getParameter("ticket") == null) {
        call.setRequestProperty("X-Onelane-Ticket", ticket);
    }
    call.setReadTimeout(10_000);
    try (Scanner answer = new Scanner(call.getInputStream())) {
        out.print(answer.next());
    }
%>
