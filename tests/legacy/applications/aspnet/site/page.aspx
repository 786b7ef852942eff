<%@ Page Language="C#" EnableSessionState="true" %><% Legacy.Pages.Write(Context); %><!DOCTYPE html>
<html><head><title>loading</title></head><body>
<h1>Twenty requests of one user</h1>
<pre id="timings"></pre>
<script>
// When the page is there, twenty requests start at once, as the pages of large sites do. What the browser itself has
// measured of them goes into the document: milliseconds from the first start, and how long each took.
addEventListener("load", function () {
  var ms = new URLSearchParams(location.search).get("ms") || "50", count = 20, done = 0;
  for (var i = 0; i < count; i++) {
    var request = new XMLHttpRequest();
    request.onloadend = function () { if (++done === count) setTimeout(show, 0); };
    request.open("GET", "write.aspx?ms=" + ms + "&n=" + i);
    request.send();
  }
  function show() {
    var all = performance.getEntriesByType("resource").filter(function (entry) { return /write\.aspx/.test(entry.name); });
    var first = Math.min.apply(null, all.map(function (entry) { return entry.startTime; }));
    var shown = all.map(function (entry) {
      return { start: Math.round(entry.startTime - first), duration: Math.round(entry.duration) };
    });
    var last = Math.max.apply(null, shown.map(function (entry) { return entry.start + entry.duration; }));
    document.getElementById("timings").textContent = JSON.stringify({ requests: shown.length, total_ms: last, timings: shown });
    document.title = "done";
  }
});
</script>
</body></html>
