<%@ page session="false" %>
<%@ include file="WEB-INF/pages.jspf" %>
<%
    List<String> stats = new ArrayList<>();
    for (String name : Arrays.asList("overlaps", "writers", "readers")) {
        stats.add('"' + name + "\": " + number(application, name));
    }
    out.print("{" + String.join(",", stats) + "}");
%>
