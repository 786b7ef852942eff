// For the tests of Onelane's companion: what Mono lacks, and pages that show what the companion has done.

using System;
using System.Collections.Generic;
using System.Reflection;
using System.Web;
using System.Web.SessionState;

namespace Legacy
{
    /// Mono keeps what SetSessionStateBehavior is told, but its session module looks at the handler alone. This does what
    /// the session module of .NET does (HttpContext.RequiresSessionState and ReadOnlySessionState in Microsoft's reference
    /// source): while the session is acquired and released, Mono sees a handler of the kind that was chosen.
    public class SessionBehaviorModule : IHttpModule
    {
        static readonly PropertyInfo chosen = typeof(HttpContext).GetProperty("SessionStateBehavior",
            BindingFlags.Instance | BindingFlags.NonPublic);

        public void Init(HttpApplication application)
        {
            application.PostMapRequestHandler += Substitute;
            application.PostAcquireRequestState += Restore;
            application.PostRequestHandlerExecute += Substitute;
            application.PostReleaseRequestState += Restore;
        }

        public void Dispose() { }

        static void Substitute(object sender, EventArgs e)
        {
            HttpContext context = ((HttpApplication)sender).Context;
            IHttpHandler substitute = SubstituteFor((SessionStateBehavior)chosen.GetValue(context, null));
            if (substitute == null || context.Handler == null)
                return;
            context.Items[typeof(SessionBehaviorModule)] = context.Handler;
            context.Handler = substitute;
        }

        static void Restore(object sender, EventArgs e)
        {
            HttpContext context = ((HttpApplication)sender).Context;
            IHttpHandler own = (IHttpHandler)context.Items[typeof(SessionBehaviorModule)];
            if (own != null)
                context.Handler = own;
        }

        static IHttpHandler SubstituteFor(SessionStateBehavior behavior)
        {
            switch (behavior)
            {
                case SessionStateBehavior.Required: return new Required();
                case SessionStateBehavior.ReadOnly: return new ReadOnly();
                case SessionStateBehavior.Disabled: return new Disabled();
                default: return null;
            }
        }

        class Disabled : IHttpHandler
        {
            public bool IsReusable { get { return true; } }
            public void ProcessRequest(HttpContext context) { throw new InvalidOperationException("only a substitute"); }
        }

        class Required : Disabled, IRequiresSessionState { }

        class ReadOnly : Disabled, IRequiresSessionState, IReadOnlySessionState { }
    }

    /// Stands behind Onelane's module, as an application's own modules do, and keeps what they would see.
    public class WitnessModule : IHttpModule
    {
        public void Init(HttpApplication application)
        {
            application.BeginRequest += (sender, e) =>
            {
                HttpContext context = ((HttpApplication)sender).Context;
                context.Items["witnessed"] = Show.Address(context.Request);
            };
        }

        public void Dispose() { }
    }

    /// What a request has: its session, and whom it takes for its client. It is not marked as anything.
    public static class Show
    {
        public static string Json(HttpContext context)
        {
            string session = context.Session == null ? "none" : context.Session.IsReadOnly ? "read" : "write";
            return "{\"session\":\"" + session + "\",\"posted\":\"" + context.Request.Form["field"] + "\",\"seen\":" + Address(context.Request)
                + ",\"seen_by_modules\":" + context.Items["witnessed"] + "}";
        }

        public static string Address(HttpRequest request)
        {
            return "{\"local\":" + (request.IsLocal ? "true" : "false") + ",\"address\":\"" + request.UserHostAddress
                + "\",\"remote_addr\":\"" + request.ServerVariables["REMOTE_ADDR"] + "\",\"remote_host\":\""
                + request.ServerVariables["REMOTE_HOST"] + "\"}";
        }
    }

    [Serializable]
    public class Cart
    {
        public readonly List<string> Items = new List<string>();
    }

    /// Not serializable: the companion cannot compare it.
    public class Opaque
    {
        public int Value;
    }

    /// Does one thing with its session: `?do=...`.
    public class Touch : IHttpHandler, IRequiresSessionState
    {
        public bool IsReusable { get { return true; } }

        public void ProcessRequest(HttpContext context)
        {
            HttpSessionState session = context.Session;
            HttpResponse response = context.Response;
            response.Write("done");
            switch (context.Request.QueryString["do"])
            {
                case "prepare":
                    session["text"] = "some";
                    session["cart"] = new Cart();
                    break;
                case "prepare-opaque":
                    session["opaque"] = new Opaque();
                    break;
                case "look":
                    response.Write(session["text"]);
                    break;
                case "look-deep":
                    response.Write(((Cart)session["cart"]).Items.Count);
                    break;
                case "look-opaque":
                    response.Write(((Opaque)session["opaque"]).Value);
                    break;
                case "set":
                    session["text"] = Guid.NewGuid().ToString();
                    break;
                case "set-same":
                    session["text"] = "some";
                    break;
                case "add":
                    session[Guid.NewGuid().ToString()] = 1;
                    break;
                case "remove":
                    session.Remove("text");
                    break;
                case "clear":
                    session.Clear();
                    break;
                case "abandon":
                    session.Abandon();
                    break;
                case "mutate":
                    ((Cart)session["cart"]).Items.Add("one more");
                    break;
                case "flush":
                    response.Flush();
                    session["text"] = Guid.NewGuid().ToString();
                    break;
                case "redirect":
                    session["text"] = Guid.NewGuid().ToString();
                    response.Redirect("/none.aspx", true);
                    break;
                case "fail":
                    session["text"] = Guid.NewGuid().ToString();
                    throw new InvalidOperationException("on purpose");
            }
        }
    }
}
