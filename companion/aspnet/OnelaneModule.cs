// Onelane's companion for ASP.NET (.NET Framework 4.5 and later): one file, no dependency.
//
// Guarantees: nothing is trusted, and nothing happens, unless the request carries the configured secret. A request is
// never given more session than it asked for, only less. A change of the session is never denied by mistake.
// Does not do: decide anything; what a request may do is a line of Onelane's configuration.
//
// README.md beside this file says what goes into web.config.

using System;
using System.Collections.Generic;
using System.Configuration;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net;
using System.Reflection;
using System.Threading;
using System.Web;
using System.Web.SessionState;

namespace Onelane.AspNet
{
    /// Does what Onelane says of a request: gives it its client's address, takes the session's lock from it where its
    /// route is `read` or `none`, and says whether it has changed the session.
    public sealed class OnelaneModule : IHttpModule
    {
        static readonly string secret = ConfigurationManager.AppSettings["onelane:secret"];

        public void Init(HttpApplication application)
        {
            if (string.IsNullOrEmpty(secret))
                return;
            application.BeginRequest += Begin;
            // MVC and Sitecore choose their session at PostResolveRequestCache: this is later, and still in time.
            application.PostMapRequestHandler += Mapped;
            application.PostAcquireRequestState += Acquired;
            application.PostRequestHandlerExecute += Executed;
            application.EndRequest += End;
        }

        public void Dispose() { }

        static void Begin(object sender, EventArgs e)
        {
            HttpContext context = ((HttpApplication)sender).Context;
            if (!Same(context.Request.Headers["X-Onelane-Secret"], secret))
                return;
            Told told = new Told(context.Request.Headers);
            context.Items[typeof(Told)] = told;
            if (told.Client != null)
                ClientAddress.Restore(context.Request, told.Client.ToString());
        }

        static void Mapped(object sender, EventArgs e)
        {
            HttpContext context = ((HttpApplication)sender).Context;
            Told told = Told.Of(context);
            if (told == null)
                return;
            if (told.Access == "none")
                context.SetSessionStateBehavior(SessionStateBehavior.Disabled);
            else if (told.Access == "read" && Behavior.Writes(context))
                context.SetSessionStateBehavior(SessionStateBehavior.ReadOnly);
        }

        static void Acquired(object sender, EventArgs e)
        {
            HttpContext context = ((HttpApplication)sender).Context;
            Told told = Told.Of(context);
            if (told != null && told.IsAsked)
                told.Visit = new Visit(context.Session == null ? null : SessionStateUtility.GetHttpSessionStateFromContext(context));
        }

        static void Executed(object sender, EventArgs e)
        {
            Told told = Told.Of(((HttpApplication)sender).Context);
            if (told != null && told.Visit != null)
                told.Wrote = told.Visit.Wrote();
        }

        /// The answer goes out as late as it can: whatever the output cache keeps of a response, it is not this.
        static void End(object sender, EventArgs e)
        {
            HttpContext context = ((HttpApplication)sender).Context;
            Told told = Told.Of(context);
            if (told == null || told.Visit == null)
                return;
            // Response.End and Response.Redirect skip PostRequestHandlerExecute.
            if (context.Error == null)
                Say(context.Response, told.Wrote ?? told.Visit.Wrote());
            told.Visit.Leave();
        }

        static void Say(HttpResponse response, bool? wrote)
        {
            if (wrote == null)
                return;
            try
            {
                response.AppendHeader("X-Onelane-Wrote", wrote.Value ? "1" : "0");
            }
            catch (HttpException)
            {
                // The headers have gone out: Onelane is told nothing.
            }
        }

        /// Takes as long for a wrong secret as for the right one.
        static bool Same(string said, string expected)
        {
            if (said == null)
                return false;
            int difference = said.Length ^ expected.Length;
            for (int at = 0; at < said.Length; at++)
                difference |= said[at] ^ expected[at % expected.Length];
            return difference == 0;
        }
    }

    /// What Onelane says of a request.
    sealed class Told
    {
        public readonly string Access;
        public readonly IPAddress Client;
        /// Whether it asks if the session was changed.
        public readonly bool IsAsked;
        public Visit Visit;
        public bool? Wrote;

        public Told(System.Collections.Specialized.NameValueCollection headers)
        {
            Access = headers["X-Onelane-Access"];
            IPAddress.TryParse(headers["X-Onelane-Client"] ?? "", out Client);
            IsAsked = headers["X-Onelane-Report"] == "wrote";
        }

        public static Told Of(HttpContext context)
        {
            return (Told)context.Items[typeof(Told)];
        }
    }

    /// What a request would do with its session.
    static class Behavior
    {
        static readonly PropertyInfo chosen = typeof(HttpContext).GetProperty("SessionStateBehavior",
            BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public);

        /// Whether it would lock it. Who has no session, or reads it already, is left alone: a controller that is marked
        /// Disabled must not be made to wait for a session that it never uses.
        public static bool Writes(HttpContext context)
        {
            switch (chosen == null ? SessionStateBehavior.Default : (SessionStateBehavior)chosen.GetValue(context, null))
            {
                case SessionStateBehavior.Required:
                    return true;
                case SessionStateBehavior.ReadOnly:
                case SessionStateBehavior.Disabled:
                    return false;
                default:
                    return context.Handler is IRequiresSessionState && !(context.Handler is IReadOnlySessionState);
            }
        }
    }

    /// A request's time with its session, and whether it has changed it.
    sealed class Visit
    {
        readonly IHttpSessionState session;
        readonly ISessionStateItemCollection items;
        readonly byte[] before;
        readonly Writers writers;

        /// The session is null when the request has none. Only for requests that Onelane has seen with a session: to ask
        /// for the id of a new one would create it.
        public Visit(IHttpSessionState session)
        {
            this.session = session;
            if (session == null || session.IsNewSession)
                return;
            if (session.Mode == SessionStateMode.InProc)
                writers = Writers.Enter(session.SessionID, !session.IsReadOnly);
            items = Content.Of(session);
            before = Content.Bytes(items);
        }

        /// Null: it cannot be known.
        public bool? Wrote()
        {
            if (session == null)
                return false;
            HttpSessionStateContainer container = session as HttpSessionStateContainer;
            if (session.IsNewSession || container != null && container.IsAbandoned)
                return true;
            if (items == null)
                return null;
            // What was only read, and cannot be changed in place, leaves the collection clean.
            if (!items.Dirty)
                return false;
            byte[] after = before == null ? null : Content.Bytes(items);
            if (after != null && after.SequenceEqual(before))
                return false;
            // In the application's memory all requests of a session share its items: it may have been a writer beside.
            return writers != null && session.IsReadOnly && writers.WereThere ? (bool?)null : true;
        }

        public void Leave()
        {
            if (writers != null)
                writers.Leave();
        }
    }

    /// The items of a session, as bytes.
    static class Content
    {
        /// Larger sessions are not compared: if they were touched, they count as changed.
        const int Largest = 256 * 1024;

        static readonly FieldInfo items = typeof(HttpSessionStateContainer)
            .GetFields(BindingFlags.Instance | BindingFlags.NonPublic)
            .FirstOrDefault(field => typeof(ISessionStateItemCollection).IsAssignableFrom(field.FieldType));

        /// The container does not show them, and to ask it for each value would mark them as changed.
        public static ISessionStateItemCollection Of(IHttpSessionState session)
        {
            return session is HttpSessionStateContainer && items != null
                ? (ISessionStateItemCollection)items.GetValue(session)
                : null;
        }

        /// Null when they cannot be compared. Neither changes them nor marks them: values that were not used yet are copied
        /// as the store has them.
        public static byte[] Bytes(ISessionStateItemCollection items)
        {
            SessionStateItemCollection known = items as SessionStateItemCollection;
            if (known == null)
                return null;
            try
            {
                using (Bounded stream = new Bounded())
                using (BinaryWriter writer = new BinaryWriter(stream))
                {
                    known.Serialize(writer);
                    writer.Flush();
                    return stream.ToArray();
                }
            }
            catch (Exception)
            {
                return null; // a value that is not serializable, or a session that is too large
            }
        }

        sealed class Bounded : MemoryStream
        {
            public override void Write(byte[] buffer, int offset, int count)
            {
                if (Position + count > Largest)
                    throw new IOException("larger than " + Largest + " bytes");
                base.Write(buffer, offset, count);
            }
        }
    }

    /// Who may change a session in the application's memory at the moment. Forgotten with its last request.
    sealed class Writers
    {
        static readonly Dictionary<string, Writers> all = new Dictionary<string, Writers>();

        readonly string session;
        readonly Writers shared;
        readonly bool isWriter;
        readonly bool wasThere;
        readonly int entered;
        int users, inside, enteredAltogether;

        Writers(string session)
        {
            this.session = session;
        }

        Writers(Writers shared, bool isWriter)
        {
            this.shared = shared;
            this.isWriter = isWriter;
            wasThere = shared.inside > 0;
            shared.users++;
            if (isWriter)
            {
                shared.inside++;
                shared.enteredAltogether++;
            }
            entered = shared.enteredAltogether;
        }

        public static Writers Enter(string session, bool isWriter)
        {
            lock (all)
            {
                Writers shared;
                if (!all.TryGetValue(session, out shared))
                    all[session] = shared = new Writers(session);
                return new Writers(shared, isWriter);
            }
        }

        /// Whether another request could have changed the session since this one came.
        public bool WereThere
        {
            get
            {
                lock (all)
                    return wasThere || shared.enteredAltogether > entered;
            }
        }

        public void Leave()
        {
            lock (all)
            {
                if (isWriter)
                    shared.inside--;
                if (--shared.users == 0)
                    all.Remove(shared.session);
            }
        }
    }

    /// Makes a request's address that of Onelane's client, as if there were no proxy between: UserHostAddress, IsLocal,
    /// REMOTE_ADDR and all that is built on them.
    static class ClientAddress
    {
        static readonly FieldInfo worker = typeof(HttpRequest)
            .GetFields(BindingFlags.Instance | BindingFlags.NonPublic)
            .FirstOrDefault(field => field.FieldType == typeof(HttpWorkerRequest));
        static int failed;

        public static void Restore(HttpRequest request, string address)
        {
            Exception why = null;
            foreach (Action<HttpRequest, string> way in new Action<HttpRequest, string>[] { Set, Wrap })
            {
                try
                {
                    way(request, address);
                }
                catch (Exception exception)
                {
                    why = exception;
                }
                if (request.UserHostAddress == address)
                    return;
            }
            Report("the client's address cannot be restored, so every client counts as local: " + why);
        }

        /// IIS in integrated mode: UserHostAddress is read from the server variable each time.
        static void Set(HttpRequest request, string address)
        {
            request.ServerVariables.Set("REMOTE_ADDR", address);
            request.ServerVariables.Set("REMOTE_HOST", address);
        }

        /// Classic mode and Mono, where server variables cannot be set: the request asks its worker for the address.
        static void Wrap(HttpRequest request, string address)
        {
            if (worker == null)
                throw new MissingFieldException("HttpRequest has no field of the type HttpWorkerRequest");
            worker.SetValue(request, new ForwardedRequest((HttpWorkerRequest)worker.GetValue(request), address));
        }

        /// Once, where an administrator looks: the event log, and the trace.
        static void Report(string problem)
        {
            if (Interlocked.Exchange(ref failed, 1) != 0)
                return;
            Trace.TraceError("Onelane: " + problem);
            try
            {
                EventLog.WriteEntry("ASP.NET 4.0.30319.0", "Onelane: " + problem, EventLogEntryType.Error);
            }
            catch (Exception)
            {
                // No right to write there: the trace has it.
            }
        }
    }

    /// A request that comes from another address than its connection; all else is the connection's. Asynchronous reads are not
    /// passed on: Mono has none, and ASP.NET reads synchronously then.
    sealed class ForwardedRequest : HttpWorkerRequest
    {
        readonly HttpWorkerRequest of;
        readonly string address;

        public ForwardedRequest(HttpWorkerRequest of, string address)
        {
            this.of = of;
            this.address = address;
        }

        public override string GetRemoteAddress() { return address; }
        public override string GetRemoteName() { return address; }

        public override string GetServerVariable(string name)
        {
            return name == "REMOTE_ADDR" || name == "REMOTE_HOST" ? address : of.GetServerVariable(name);
        }

        public override string MachineConfigPath { get { return of.MachineConfigPath; } }
        public override string MachineInstallDirectory { get { return of.MachineInstallDirectory; } }
        public override string RootWebConfigPath { get { return of.RootWebConfigPath; } }
        public override Guid RequestTraceIdentifier { get { return of.RequestTraceIdentifier; } }
        public override void CloseConnection() { of.CloseConnection(); }
        public override void EndOfRequest() { of.EndOfRequest(); }
        public override void FlushResponse(bool finalFlush) { of.FlushResponse(finalFlush); }
        public override string GetAppPath() { return of.GetAppPath(); }
        public override string GetAppPathTranslated() { return of.GetAppPathTranslated(); }
        public override string GetAppPoolID() { return of.GetAppPoolID(); }
        public override long GetBytesRead() { return of.GetBytesRead(); }
        public override byte[] GetClientCertificate() { return of.GetClientCertificate(); }
        public override byte[] GetClientCertificateBinaryIssuer() { return of.GetClientCertificateBinaryIssuer(); }
        public override int GetClientCertificateEncoding() { return of.GetClientCertificateEncoding(); }
        public override byte[] GetClientCertificatePublicKey() { return of.GetClientCertificatePublicKey(); }
        public override DateTime GetClientCertificateValidFrom() { return of.GetClientCertificateValidFrom(); }
        public override DateTime GetClientCertificateValidUntil() { return of.GetClientCertificateValidUntil(); }
        public override long GetConnectionID() { return of.GetConnectionID(); }
        public override string GetFilePath() { return of.GetFilePath(); }
        public override string GetFilePathTranslated() { return of.GetFilePathTranslated(); }
        public override string GetHttpVerbName() { return of.GetHttpVerbName(); }
        public override string GetHttpVersion() { return of.GetHttpVersion(); }
        public override string GetKnownRequestHeader(int index) { return of.GetKnownRequestHeader(index); }
        public override string GetLocalAddress() { return of.GetLocalAddress(); }
        public override int GetLocalPort() { return of.GetLocalPort(); }
        public override string GetPathInfo() { return of.GetPathInfo(); }
        public override byte[] GetPreloadedEntityBody() { return of.GetPreloadedEntityBody(); }
        public override int GetPreloadedEntityBody(byte[] buffer, int offset) { return of.GetPreloadedEntityBody(buffer, offset); }
        public override int GetPreloadedEntityBodyLength() { return of.GetPreloadedEntityBodyLength(); }
        public override string GetProtocol() { return of.GetProtocol(); }
        public override string GetQueryString() { return of.GetQueryString(); }
        public override byte[] GetQueryStringRawBytes() { return of.GetQueryStringRawBytes(); }
        public override string GetRawUrl() { return of.GetRawUrl(); }
        public override int GetRemotePort() { return of.GetRemotePort(); }
        public override int GetRequestReason() { return of.GetRequestReason(); }
        public override string GetServerName() { return of.GetServerName(); }
        public override int GetTotalEntityBodyLength() { return of.GetTotalEntityBodyLength(); }
        public override string GetUnknownRequestHeader(string name) { return of.GetUnknownRequestHeader(name); }
        public override string[][] GetUnknownRequestHeaders() { return of.GetUnknownRequestHeaders(); }
        public override string GetUriPath() { return of.GetUriPath(); }
        public override long GetUrlContextID() { return of.GetUrlContextID(); }
        public override IntPtr GetUserToken() { return of.GetUserToken(); }
        public override IntPtr GetVirtualPathToken() { return of.GetVirtualPathToken(); }
        public override bool HeadersSent() { return of.HeadersSent(); }
        public override bool IsClientConnected() { return of.IsClientConnected(); }
        public override bool IsEntireEntityBodyIsPreloaded() { return of.IsEntireEntityBodyIsPreloaded(); }
        public override bool IsSecure() { return of.IsSecure(); }
        public override string MapPath(string path) { return of.MapPath(path); }
        public override int ReadEntityBody(byte[] buffer, int size) { return of.ReadEntityBody(buffer, size); }
        public override int ReadEntityBody(byte[] buffer, int offset, int size) { return of.ReadEntityBody(buffer, offset, size); }
        public override void SendCalculatedContentLength(int length) { of.SendCalculatedContentLength(length); }
        public override void SendCalculatedContentLength(long length) { of.SendCalculatedContentLength(length); }
        public override void SendKnownResponseHeader(int index, string value) { of.SendKnownResponseHeader(index, value); }
        public override void SendResponseFromFile(IntPtr handle, long offset, long length) { of.SendResponseFromFile(handle, offset, length); }
        public override void SendResponseFromFile(string name, long offset, long length) { of.SendResponseFromFile(name, offset, length); }
        public override void SendResponseFromMemory(byte[] data, int length) { of.SendResponseFromMemory(data, length); }
        public override void SendResponseFromMemory(IntPtr data, int length) { of.SendResponseFromMemory(data, length); }
        public override void SendStatus(int code, string description) { of.SendStatus(code, description); }
        public override void SendUnknownResponseHeader(string name, string value) { of.SendUnknownResponseHeader(name, value); }
        public override void SetEndOfSendNotification(EndOfSendNotification callback, object extra) { of.SetEndOfSendNotification(callback, extra); }
    }
}
