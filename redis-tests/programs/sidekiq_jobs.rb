# Jobs for Sidekiq, as its processes load them.
require "json"
require "redis"
require "sidekiq"

PORT = Integer(ENV.fetch("MARTLET_PORT"))
URL = "redis://127.0.0.1:#{PORT}/0"
MARKS = Redis.new(port: PORT, db: 9)

Sidekiq.configure_client { |config| config.redis = {url: URL} }
Sidekiq.configure_server do |config|
  config.redis = {url: URL}
  Sidekiq.options[:poll_interval_average] = 0.5   # seconds between looks at what is scheduled
end

class Square
  include Sidekiq::Worker

  def perform(n)
    MARKS.rpush("square", n)
  end
end

class FailTwice
  include Sidekiq::Worker
  sidekiq_options retry: 3
  sidekiq_retry_in { 1 }

  def perform
    raise "not yet" if MARKS.rpush("tries", "x") < 3
    MARKS.rpush("at last", "done")
  end
end

class Hopeless
  include Sidekiq::Worker
  sidekiq_options retry: 1
  sidekiq_retry_in { 1 }
  sidekiq_retries_exhausted { |job, error| MARKS.rpush("exhausted", "#{job["args"][0]} #{error.message}") }

  def perform(what)
    raise what
  end
end

class Sleeper
  include Sidekiq::Worker

  def perform(seconds)
    MARKS.rpush("sleep", "began")
    sleep seconds
    MARKS.rpush("sleep", "ended")
  end
end
