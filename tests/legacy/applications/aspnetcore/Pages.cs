// The pages as an ASP.NET Core site of controllers, with AddSession: the last store of a session wins.
//
// Guarantees: two writers of one session that are inside at once are counted; a writer is inside until its session is
// stored. STORE_MS is how long the store takes for that, TEMP_DATA=session has TempData in the session.

using System;
using System.Collections.Concurrent;
using System.Linq;
using System.Net.Http;
using System.Security.Claims;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Session;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Pages
{
    public static class Program
    {
        public static void Main() =>
            Host.CreateDefaultBuilder()
                .ConfigureAppConfiguration(Settle)
                .ConfigureWebHostDefaults(web => web.UseStartup<Startup>())
                .Build()
                .Run();

        /// Settings do not change; watching them takes inotify instances, of which Linux has few.
        static void Settle(IConfigurationBuilder configuration)
        {
            foreach (var file in configuration.Sources.OfType<FileConfigurationSource>())
                file.ReloadOnChange = false;
        }
    }

    public class Startup
    {
        public void ConfigureServices(IServiceCollection services)
        {
            services.AddDistributedMemoryCache();
            services.AddSession();
            services.AddHttpClient();
            services.AddAuthentication(CookieAuthenticationDefaults.AuthenticationScheme).AddCookie();
            var pages = services.AddControllersWithViews();
            if (Environment.GetEnvironmentVariable("TEMP_DATA") == "session")
                pages.AddSessionStateTempDataProvider();
            if (int.TryParse(Environment.GetEnvironmentVariable("STORE_MS"), out var ms))
                services.AddSingleton<IDistributedCache>(provider =>
                    new SlowStore(provider.GetRequiredService<IOptions<MemoryDistributedCacheOptions>>(), ms));
        }

        public void Configure(IApplicationBuilder app)
        {
            app.Use(Seen.Count);
            app.UseRouting();
            app.UseAuthentication();
            app.UseSession();
            app.UseEndpoints(endpoints => endpoints.MapControllers());
        }
    }

    /// A store behind a network: what it is told is there some milliseconds later.
    public class SlowStore : MemoryDistributedCache, IDistributedCache
    {
        readonly int ms;

        public SlowStore(IOptions<MemoryDistributedCacheOptions> options, int ms) : base(options) => this.ms = ms;

        async Task IDistributedCache.SetAsync(
            string key, byte[] value, DistributedCacheEntryOptions options, CancellationToken token)
        {
            await Task.Delay(ms, token);
            await SetAsync(key, value, options, token);
        }
    }

    /// What the application has seen since it was last reset.
    public static class Seen
    {
        static long overlaps, readers, writers;
        static readonly ConcurrentDictionary<string, int> inside = new ConcurrentDictionary<string, int>();

        public static object Stats => new
        {
            overlaps = Interlocked.Read(ref overlaps),
            readers = Interlocked.Read(ref readers),
            writers = Interlocked.Read(ref writers),
        };

        public static void Reset() => Interlocked.Exchange(ref overlaps, 0);

        /// Around the session's middleware, which stores after the page has run.
        public static async Task Count(HttpContext context, Func<Task> next)
        {
            try
            {
                await next();
            }
            finally
            {
                if (context.Items["writer"] is string writer)
                {
                    inside.AddOrUpdate(writer, 0, (_, count) => count - 1);
                    Interlocked.Decrement(ref writers);
                }
            }
        }

        public static void Writer(HttpContext context)
        {
            // The cookie: a session that is not stored yet has another Session.Id for each who asks.
            var session = context.Request.Cookies[SessionDefaults.CookieName] ?? "new " + context.TraceIdentifier;
            context.Items["writer"] = session;
            Interlocked.Increment(ref writers);
            if (inside.AddOrUpdate(session, 1, (_, count) => count + 1) > 1)
                Interlocked.Increment(ref overlaps);
        }

        public static async Task Reader(Func<Task> work)
        {
            Interlocked.Increment(ref readers);
            await work();
            Interlocked.Decrement(ref readers);
        }
    }

    public class PagesController : Controller
    {
        readonly IHttpClientFactory clients;

        public PagesController(IHttpClientFactory clients) => this.clients = clients;

        int Counter => HttpContext.Session.GetInt32("counter") ?? 0;

        /// `answer`: a text has a length; JSON is sent in chunks, as views are; a redirect has no body. `close` is the
        /// last request of its connection.
        [Route("/write")]
        public async Task<IActionResult> Write(int ms, string answer, bool close)
        {
            if (close)
                Response.Headers["Connection"] = "close";
            await HttpContext.Session.LoadAsync();
            Seen.Writer(HttpContext);
            var next = Counter + 1;
            await Task.Delay(ms);
            HttpContext.Session.SetInt32("counter", next);
            switch (answer)
            {
                case "json": return Json(next);
                case "redirect": return Redirect("/read");
                default: return Content(next.ToString());
            }
        }

        [Route("/read")]
        public async Task<IActionResult> Read(int ms)
        {
            await HttpContext.Session.LoadAsync();
            var counter = Counter;
            await Seen.Reader(() => Task.Delay(ms));
            return Content(counter.ToString());
        }

        [Route("/none")]
        public async Task<IActionResult> None(int ms)
        {
            await Task.Delay(ms);
            return Content("none");
        }

        /// A session's id cannot be changed; the user is in a cookie of its own.
        [Route("/login")]
        public async Task<IActionResult> Login()
        {
            var user = new ClaimsIdentity(new[] { new Claim(ClaimTypes.Name, "Ann") }, "password");
            await HttpContext.SignInAsync(new ClaimsPrincipal(user));
            return Content(Counter.ToString());
        }

        [Route("/inner")]
        public async Task<IActionResult> Inner()
        {
            await HttpContext.Session.LoadAsync();
            var request = new HttpRequestMessage(HttpMethod.Get, $"http://{Request.Host}/write");
            foreach (var name in new[] { "Cookie", "X-Onelane-Ticket" })
                if (Request.Headers.TryGetValue(name, out var value))
                    request.Headers.TryAddWithoutValidation(name, value.ToString());
            var answer = await clients.CreateClient().SendAsync(request);
            return Content(await answer.Content.ReadAsStringAsync());
        }

        /// Leaves a note for the next page that looks for one.
        [Route("/leave")]
        public IActionResult Leave()
        {
            TempData["note"] = "saved";
            return Content("left");
        }

        [Route("/take")]
        public async Task<IActionResult> Take(int ms)
        {
            var note = TempData["note"] as string ?? "nothing";
            await Task.Delay(ms);
            return Content(note);
        }

        [Route("/stats")]
        public IActionResult Stats() => Json(Seen.Stats);

        [Route("/reset")]
        public IActionResult Reset()
        {
            Seen.Reset();
            return Content("reset");
        }
    }
}
