<?php
// The pages. Those of the group `web` have a session.

use App\Http\CountWriters;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Route;

Route::middleware('web')->group(function () {
    $write = function (Request $request) {
        CountWriters::enter($request);
        $counter = $request->session()->get('counter', 0);
        work();
        $request->session()->put('counter', $counter + 1);
        return (string) ($counter + 1);
    };
    Route::get('/write', $write);
    Route::get('/block', $write)->block(10, 1); // Laravel's own lock, for which a request waits one second
    Route::get('/read', function (Request $request) {
        $counter = $request->session()->get('counter', 0);
        work();
        return (string) $counter;
    });
    Route::get('/login', function (Request $request) {
        CountWriters::enter($request);
        work();
        $request->session()->regenerate();
        return (string) $request->session()->get('counter', 0);
    });
    Route::get('/inner', function (Request $request) {
        $request->session()->save();
        $headers = ['Cookie: ' . $request->server('HTTP_COOKIE')];
        if ($ticket = $request->header('X-Onelane-Ticket')) {
            $headers[] = "X-Onelane-Ticket: $ticket";
        }
        $options = ['header' => $headers, 'timeout' => 10];
        $url = $request->getSchemeAndHttpHost() . '/write?ms=0';
        $answer = file_get_contents($url, false, stream_context_create(['http' => $options]));
        $request->session()->start(); // reads it again: StartSession stores this page's copy of it, whatever it did
        return $answer;
    });
});

Route::get('/none', function () {
    work();
    return 'none';
});
Route::get('/stats', fn () => ['overlaps' => (int) apcu_fetch('overlaps'), 'inside' => (int) apcu_fetch('inside')]);
Route::get('/reset', function () {
    apcu_clear_cache();
    return 'reset';
});
