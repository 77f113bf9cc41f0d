# What an application does with Sidekiq: sidekiq_client.rb WHAT; prints JSON.
require_relative "sidekiq_jobs"
require "sidekiq/api"

def state
  stats = Sidekiq::Stats.new
  processes = Sidekiq::ProcessSet.new
  {processed: stats.processed, failed: stats.failed, enqueued: stats.enqueued, scheduled: stats.scheduled_size,
   retries: stats.retry_size, dead: stats.dead_size, queues: Sidekiq::Queue.all.map { |q| [q.name, q.size] }.sort,
   processes: processes.size, busy: processes.sum { |p| p["busy"] },
   running: Sidekiq::Workers.new.map { |_, _, work| work["payload"]["class"] },
   today: Sidekiq::Stats::History.new(1).processed.values}
end

said =
  case ARGV[0]
  when "push"
    Sidekiq::Client.push_bulk("class" => Square, "args" => (0...800).map { |n| [n] })
    (800...900).each { |n| Square.perform_async(n) }
    (900...1000).each { |n| Square.set(queue: "critical").perform_async(n) }
    state
  when "fail"
    [FailTwice.perform_async, Hopeless.perform_async("wrong")]
  when "later"
    [Square.perform_in(2, 1), Square.perform_at(Time.now + 3, 2), Square.perform_in(86400, 3)]
  when "look"
    set = Sidekiq::ScheduledSet.new
    job = set.first
    {size: set.size, at: job.at.to_f, args: job.args, found: set.find_job(job.jid).jid == job.jid,
     scanned: set.scan("Square").map(&:jid) == [job.jid], gone: job.delete, left: set.size}
  when "dead"
    dead = Sidekiq::DeadSet.new
    job = dead.first
    said = {size: dead.size, error: job["error_message"], class: job["error_class"], count: job["retry_count"]}
    job.retry
    said.merge(left: dead.size)
  when "delete"
    3.times { |n| Square.perform_async(n) }
    queue = Sidekiq::Queue.new
    queue.to_a[1].delete
    said = [queue.map(&:args), queue.latency.between?(0, 20)]
    queue.clear
    said + [queue.size]
  when "sleep"
    2.times { Sleeper.perform_async(30) }
    true
  when "quiet"
    Sidekiq::ProcessSet.new.each(&:quiet!)
    true
  when "state"
    state
  end
puts said.to_json
