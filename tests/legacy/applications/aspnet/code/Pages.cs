// What the pages of the site do, and what the application sees of itself.
//
// Guarantees: two writers of one session that are inside at once are counted, whoever is to blame for it.

using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
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
            if (inside.AddOrUpdate(session, 0, (key, writers) => writers - 1) == 0)
                ((ICollection<KeyValuePair<string, int>>)inside).Remove(new KeyValuePair<string, int>(session, 0));
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
            string session = context.Session.SessionID, contact = Contact(context);
            Seen.Enter(session);
            Seen.Enter(contact);
            try
            {
                int counter = Counter(context);
                Work(context);
                context.Session["counter"] = counter + 1;
                return Text(counter + 1);
            }
            finally
            {
                Seen.Leave(contact);
                Seen.Leave(session);
            }
        }

        /// Whose shared session Sitecore would lock; each request its own, if it says none.
        static string Contact(HttpContext context)
        {
            HttpCookie contact = context.Request.Cookies["SC_ANALYTICS_GLOBAL_COOKIE"];
            return contact == null ? Guid.NewGuid().ToString() : "contact " + contact.Value.Split('|')[0];
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

    /// Calls the write page of its own site as its user, and answers as that did. It has no session of its own; a proxy
    /// that does not know this takes it for a writer. `?ticket=lost` does not send Onelane's ticket along;
    /// `?patience=MS` gives up, with status 504.
    public class Inner : IHttpHandler
    {
        public bool IsReusable { get { return true; } }

        public void ProcessRequest(HttpContext context)
        {
            HttpRequest from = context.Request;
            string url = "http://" + from.Headers["Host"] + "/write.aspx?ms=" + from.QueryString["ms"];
            HttpWebRequest request = (HttpWebRequest)WebRequest.Create(url);
            request.ServicePoint.ConnectionLimit = 1000;
            int patience;
            if (int.TryParse(from.QueryString["patience"], out patience))
                request.Timeout = patience;
            foreach (string name in new[] { "Cookie", "X-Onelane-Ticket" })
                if (from.Headers[name] != null && !(name != "Cookie" && from.QueryString["ticket"] == "lost"))
                    request.Headers[name] = from.Headers[name];
            using (HttpWebResponse response = Response(request))
            {
                context.Response.StatusCode = response == null ? 504 : (int)response.StatusCode;
                if (response != null)
                    using (StreamReader reader = new StreamReader(response.GetResponseStream()))
                        context.Response.Write(reader.ReadToEnd());
            }
        }

        /// Whatever its status; null: none came in time.
        static HttpWebResponse Response(HttpWebRequest request)
        {
            try
            {
                return (HttpWebResponse)request.GetResponse();
            }
            catch (WebException exception)
            {
                if (exception.Response == null && exception.Status != WebExceptionStatus.Timeout)
                    throw;
                return (HttpWebResponse)exception.Response;
            }
        }
    }

    /// The same with a session that it reads: it takes no lock.
    public class InnerRead : Inner, IReadOnlySessionState { }

    /// The same with a session that it may write: it has ASP.NET's lock for as long as it calls.
    public class InnerWrite : Inner, IRequiresSessionState { }

    public class StatsOf : IHttpHandler
    {
        public bool IsReusable { get { return true; } }

        public void ProcessRequest(HttpContext context)
        {
            context.Response.ContentType = "application/json";
            context.Response.Write(Seen.Json());
        }
    }

    /// Keeps what a browser has measured (POST), until somebody asks (GET).
    public class Timings : IHttpHandler
    {
        internal static volatile string Last = "";

        public bool IsReusable { get { return true; } }

        public void ProcessRequest(HttpContext context)
        {
            if (context.Request.HttpMethod == "POST")
                Last = new StreamReader(context.Request.InputStream).ReadToEnd();
            context.Response.Write(Last);
        }
    }

    public class Reset : IHttpHandler
    {
        public bool IsReusable { get { return true; } }

        public void ProcessRequest(HttpContext context)
        {
            Seen.Reset();
            Timings.Last = "";
            context.Response.Write("reset");
        }
    }
}
