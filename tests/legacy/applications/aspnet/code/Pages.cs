// What the pages of the site do, and what the application sees of itself.
//
// Guarantees: two writers of one session that are inside at once are counted, whoever is to blame for it.

using System;
using System.Collections.Concurrent;
using System.Globalization;
using System.IO;
using System.Net;
using System.Threading;
using System.Web;
using System.Web.SessionState;

namespace Legacy
{
    /// What the application has seen since it was last reset.
    public static class Seen
    {
        static long overlaps, gets, exclusive;
        static readonly ConcurrentDictionary<string, int> inside = new ConcurrentDictionary<string, int>();

        /// A call of the session store.
        public static void Get(bool isExclusive)
        {
            Interlocked.Increment(ref gets);
            if (isExclusive)
                Interlocked.Increment(ref exclusive);
        }

        /// A writer of this session comes in.
        public static void Enter(string session)
        {
            if (inside.AddOrUpdate(session, 1, (key, writers) => writers + 1) > 1)
                Interlocked.Increment(ref overlaps);
        }

        /// It has gone.
        public static void Leave(string session)
        {
            inside.AddOrUpdate(session, 0, (key, writers) => writers - 1);
        }

        public static string Json()
        {
            return "{\"overlaps\":" + Interlocked.Read(ref overlaps) + ",\"gets\":" + Interlocked.Read(ref gets)
                + ",\"exclusive\":" + Interlocked.Read(ref exclusive) + "}";
        }

        public static void Reset()
        {
            Interlocked.Exchange(ref overlaps, 0);
            Interlocked.Exchange(ref gets, 0);
            Interlocked.Exchange(ref exclusive, 0);
        }
    }

    /// The pages that exist for each kind of access.
    public static class Pages
    {
        public static string Write(HttpContext context)
        {
            string session = context.Session.SessionID;
            Seen.Enter(session);
            try
            {
                int counter = Counter(context);
                Work(context);
                context.Session["counter"] = counter + 1;
                return Text(counter + 1);
            }
            finally
            {
                Seen.Leave(session);
            }
        }

        public static string Read(HttpContext context)
        {
            int counter = Counter(context);
            Work(context);
            return Text(counter);
        }

        public static string None(HttpContext context)
        {
            Work(context);
            return context.Session == null ? "none" : "a session";
        }

        public static int Counter(HttpContext context)
        {
            object counter = context.Session["counter"];
            return counter == null ? 0 : (int)counter;
        }

        static void Work(HttpContext context)
        {
            int ms;
            if (int.TryParse(context.Request.QueryString["ms"], out ms) && ms > 0)
                Thread.Sleep(ms);
        }

        static string Text(int counter)
        {
            return counter.ToString(CultureInfo.InvariantCulture);
        }
    }

    /// ASP.NET keeps a session's id at a login: nothing is changed.
    public class Login : IHttpHandler, IRequiresSessionState
    {
        public bool IsReusable { get { return true; } }

        public void ProcessRequest(HttpContext context)
        {
            context.Response.Write(Pages.Counter(context));
        }
    }

    /// Calls the write page of its own site as its user. It has no session of its own, or it would wait for itself in
    /// ASP.NET's lock; a proxy that does not know this takes it for a writer.
    public class Inner : IHttpHandler
    {
        public bool IsReusable { get { return true; } }

        public void ProcessRequest(HttpContext context)
        {
            HttpRequest from = context.Request;
            string url = "http://" + from.Headers["Host"] + "/write.aspx?ms=" + from.QueryString["ms"];
            HttpWebRequest request = (HttpWebRequest)WebRequest.Create(url);
            request.ServicePoint.ConnectionLimit = 1000;
            foreach (string name in new[] { "Cookie", "X-Onelane-Ticket" })
                if (from.Headers[name] != null)
                    request.Headers[name] = from.Headers[name];
            using (WebResponse response = request.GetResponse())
            using (StreamReader reader = new StreamReader(response.GetResponseStream()))
                context.Response.Write(reader.ReadToEnd());
        }
    }

    public class StatsOf : IHttpHandler
    {
        public bool IsReusable { get { return true; } }

        public void ProcessRequest(HttpContext context)
        {
            context.Response.ContentType = "application/json";
            context.Response.Write(Seen.Json());
        }
    }

    public class Reset : IHttpHandler
    {
        public bool IsReusable { get { return true; } }

        public void ProcessRequest(HttpContext context)
        {
            Seen.Reset();
            context.Response.Write("reset");
        }
    }
}
