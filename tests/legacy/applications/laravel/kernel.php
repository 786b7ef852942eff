<?php
// The application's own classes, as `laravel new` makes them, and the count of writers.

namespace App\Http;

use Closure;
use Illuminate\Cookie\Middleware\AddQueuedCookiesToResponse;
use Illuminate\Cookie\Middleware\EncryptCookies as Encryption;
use Illuminate\Foundation\Http\Kernel as Foundation;
use Illuminate\Foundation\Http\Middleware\VerifyCsrfToken;
use Illuminate\Foundation\Support\Providers\RouteServiceProvider;
use Illuminate\Http\Request;
use Illuminate\Routing\Middleware\SubstituteBindings;
use Illuminate\Session\Middleware\StartSession;

require __DIR__ . '/../php/pages.php';

class Kernel extends Foundation
{
    protected $middlewareGroups = [
        'web' => [
            EncryptCookies::class,
            AddQueuedCookiesToResponse::class,
            CountWriters::class,
            StartSession::class,
            VerifyCsrfToken::class,
            SubstituteBindings::class,
        ],
    ];
}

class Routes extends RouteServiceProvider
{
    public function boot()
    {
        $this->routes(fn () => require __DIR__ . '/routes.php');
    }
}

class EncryptCookies extends Encryption
{
    /** The cookies that are not encrypted: none, as `laravel new` has it, unless a test says otherwise. */
    public function isDisabled($name)
    {
        return $name === ($_SERVER['NOT_ENCRYPTED'] ?? '') || parent::isDisabled($name);
    }
}

/** Around StartSession: a writer is inside until its session is stored. */
class CountWriters
{
    public function handle(Request $request, Closure $next)
    {
        try {
            return $next($request);
        } finally {
            if ($who = $request->attributes->get('writer')) {
                leave($who);
            }
        }
    }

    /** To be called by a page that writes. */
    public static function enter(Request $request): void
    {
        $session = $request->session();
        if (!$session->has('who')) {
            $session->put('who', bin2hex(random_bytes(8))); // the session's, whatever its id becomes
        }
        inside($session->get('who'));
        $request->attributes->set('writer', $session->get('who'));
    }
}
