# Ruby's redis gem, as applications use it. Ends with a word on the first thing that is not so.
require "redis"

PORT = Integer(ENV.fetch("MARTLET_PORT"))

def expect(wanted, got)
  raise "#{caller(1..1).first}: #{got.inspect}, not #{wanted.inspect}" unless wanted == got
end

r = Redis.new(port: PORT, db: 4)
r.flushdb

r.mapped_mset("a" => "1", "b" => "2")
expect({"a" => "1", "b" => "2", "c" => nil}, r.mapped_mget("a", "b", "c"))
expect([true, false], [r.set("once", 1, nx: true, ex: 100), r.set("once", 2, nx: true)])
expect(true, r.ttl("once").between?(90, 100))
expect(["OK", 3, 4], r.pipelined { |p| p.set("n", 2); p.incr("n"); p.incr("n") })
expect(["OK", "5"], r.multi { |m| m.set("n", 5); m.get("n") })
other = Redis.new(port: PORT, db: 4)
lost = r.watch("n") do
  other.set("n", 6)
  r.multi { |m| m.set("n", 7) }
end
expect([nil, "6"], [lost, r.get("n")])

r.mapped_hmset("hash", {"f" => "v", "g" => "w"})
expect({"f" => "v", "g" => "w"}, r.hgetall("hash"))
r.zadd("z", [[1, "one"], [2.5, "two"], [Float::INFINITY, "last"]])
expect([["last", Float::INFINITY], ["two", 2.5]], r.zrevrange("z", 0, 1, with_scores: true))
expect([["one", 1.0]], r.zrangebyscore("z", "-inf", "(2.5", with_scores: true))
r.sadd("s", (1..1000).to_a)
expect(1000, r.sscan_each("s", count: 50).to_a.uniq.size)
expect(%w[a b hash n once s z], r.scan_each(count: 2).to_a.uniq.sort)
r.rpush("l", %w[x y z])
expect([["l", "x"], "y"], [r.blpop("l", timeout: 1), r.lmove("l", "m", "LEFT", "RIGHT")])
t0 = Time.now
expect(nil, r.blpop("none", timeout: 1))
expect(true, (Time.now - t0).between?(0.9, 5))
r.geoadd("geo", 13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania")
expect("166274.1516", r.geodist("geo", "Palermo", "Catania"))
r.pfadd("hll", (1..100).to_a)
expect(100, r.pfcount("hll"))
id = r.xadd("stream", {"f" => "v"})
r.xgroup(:create, "stream", "group", "0")
expect({"stream" => [[id, {"f" => "v"}]]}, r.xreadgroup("group", "me", "stream", ">"))
expect(1, r.xack("stream", "group", id))

script = "return {KEYS[1], ARGV[1], redis.call('incr', KEYS[1])}"
expect(["n", "x", 7], r.eval(script, keys: ["n"], argv: ["x"]))
expect(["n", "y", 8], r.evalsha(r.script(:load, script), keys: ["n"], argv: ["y"]))
begin
  r.evalsha("0" * 40)
  raise "an unknown script ran"
rescue Redis::CommandError => e
  expect("NOSCRIPT No matching script. Please use EVAL.", e.message)
end

heard = []
listener = Thread.new do
  c = Redis.new(port: PORT)
  c.psubscribe("new*") do |on|
    on.pmessage do |_, channel, text|
      heard << [channel, text]
      c.punsubscribe if text == "end"
    end
  end
end
sleep 0.02 until r.pubsub(:numpat) == 1
r.publish("news", "hello")
r.publish("newer", "end")
listener.join(20)
expect([%w[news hello], %w[newer end]], heard)
expect("7.0.15", r.info["redis_version"])
threads = 10.times.map { Thread.new { c = Redis.new(port: PORT, db: 4); 100.times { c.incr("together") } } }
threads.each(&:join)
expect("1000", r.get("together"))
puts "all is so"
