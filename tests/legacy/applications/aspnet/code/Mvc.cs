// Real MVC controllers that choose their session themselves, as applications do: `/mvc/Writing` and so on.

using System.Web;
using System.Web.Mvc;
using System.Web.Routing;
using System.Web.SessionState;

namespace Legacy
{
    public abstract class ShowingController : Controller
    {
        public ActionResult Index()
        {
            return Content(Show.Json(System.Web.HttpContext.Current), "application/json");
        }
    }

    public class UnmarkedController : ShowingController { }

    [SessionState(SessionStateBehavior.Required)]
    public class WritingController : ShowingController { }

    [SessionState(SessionStateBehavior.ReadOnly)]
    public class ReadingController : ShowingController { }

    [SessionState(SessionStateBehavior.Disabled)]
    public class SessionlessController : ShowingController { }

    public class MvcSite : HttpApplication
    {
        protected void Application_Start()
        {
            RouteTable.Routes.MapRoute("mvc", "mvc/{controller}", new { action = "Index" });
        }
    }
}
