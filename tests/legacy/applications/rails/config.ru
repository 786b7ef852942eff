# The pages as a Rails application of one file. Its sessions are where SESSION_STORE says: `cache` keeps them in files
# with Rails' cache, `cookie` whole in the cookie, as `rails new` does.

require "action_controller/railtie"
require "net/http"

# What the application has seen, and who is inside.
module Seen
  LOCK = Mutex.new
  INSIDE = Hash.new(0)

  class << self
    attr_accessor :overlaps, :readers

    def enter(who)
      LOCK.synchronize { self.overlaps += 1 if (INSIDE[who] += 1) > 1 }
    end

    def leave(who)
      LOCK.synchronize { INSIDE[who] -= 1 }
    end

    # Calls its block as one of the readers that are inside.
    def reading
      LOCK.synchronize { self.readers += 1 }
      yield
      LOCK.synchronize { self.readers -= 1 }
    end
  end
  self.overlaps = self.readers = 0
end

# Around the session's middleware: a writer is inside until its session is stored.
class CountWriters
  def initialize(app)
    @app = app
  end

  def call(env)
    @app.call(env)
  ensure
    Seen.leave(env["writer"]) if env["writer"]
  end
end

class Shop < Rails::Application
  config.load_defaults 6.1
  config.eager_load = true
  config.logger = Logger.new($stderr, level: Logger::WARN)
  config.log_level = :warn
  config.secret_key_base = "0123456789abcdef" * 8
  config.cache_store = :file_store, ENV.fetch("SESSIONS")
  config.session_store :"#{ENV.fetch("SESSION_STORE")}_store", key: "_shop_session"
  config.hosts.clear
  config.middleware.insert_before ActionDispatch::Cookies, CountWriters
end

class PagesController < ActionController::Base
  def write
    enter
    counter = session[:counter] || 0
    work
    session[:counter] = counter + 1
    render plain: counter + 1
  end

  def read
    counter = session[:counter] || 0
    Seen.reading { work }
    render plain: counter
  end

  # As `read`, but Rack does not store what was only read.
  def skip
    request.session_options[:skip] = true
    read
  end

  def none
    work
    render plain: "none"
  end

  def login
    enter
    work
    request.session_options[:renew] = true
    render plain: session[:counter] || 0
  end

  def inner
    ticket = request.headers["X-Onelane-Ticket"]
    headers = { "Cookie" => request.headers["Cookie"].to_s }
    headers["X-Onelane-Ticket"] = ticket if ticket
    render plain: Net::HTTP.get(URI("#{request.base_url}/write?ms=0"), headers)
  end

  def stats
    render json: { overlaps: Seen.overlaps, readers: Seen.readers }
  end

  def reset
    Seen.overlaps = 0
    render plain: "reset"
  end

  private

  def work
    sleep params[:ms].to_i / 1000.0
  end

  def enter
    who = session[:who] ||= SecureRandom.hex(8) # the session's, whatever its id becomes
    Seen.enter(who)
    request.env["writer"] = who
  end
end

Shop.initialize!
Shop.routes.draw do
  %w[write read skip none login inner stats reset].each { |page| get page, to: "pages##{page}" }
end

run Shop
