<?php
// The pages as an application of Debian's Laravel: its own front controller, kernel and middleware, in the order of
// `laravel new`. What is left out is what these pages have no use for: views, a database, a log.

use App\Http\Kernel;
use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Contracts\Http\Kernel as HttpKernel;
use Illuminate\Foundation\Application;
use Illuminate\Foundation\Exceptions\Handler;
use Illuminate\Http\Request;

require_once 'Illuminate/autoload.php';
require __DIR__ . '/kernel.php';

$app = new Application(__DIR__);
$app->useStoragePath($_SERVER['STORAGE']); // with the lists of services and packages: APP_SERVICES_CACHE
$app->singleton(HttpKernel::class, Kernel::class);
$app->singleton(ExceptionHandler::class, Handler::class);

$kernel = $app->make(HttpKernel::class);
$request = Request::capture();
$response = $kernel->handle($request);
$response->send();
$kernel->terminate($request, $response);
