# Lets the thread sanitizer's reports through that count.
#
# "Swift access race" says that a variable as a whole was passed inout, for the time of a call, while another thread touched
# it; races on the words that are in it have reports of their own ("data race"). Three kinds of these are meant:
#
# 1. One side is an atomic operation on a word of a larger variable that another thread changes under a lock: prefetching reads
#    two words of a table, taking a partition's lock writes a word of the partition.
# 2. Both sides make an atomic access to a word of KeyspaceShared (the block of 216 bytes that a Keyspace makes), which Swift
#    takes for a change of all of it: the address of a stored property is its inout.
# 3. A loop that delivers a message reads a topic's name, which never changes, while another one changes the topic's count of
#    listeners under the lock: `topic.pointee.total += 1` counts as a change of the whole topic.
/^==================/ { judge(); text = ""; next }
{ text = text $0 "\n" }
END { judge() }

function judge() {
  if (text !~ /WARNING: ThreadSanitizer: /) return
  if (text ~ /ThreadSanitizer: Swift access race/) {
    if (text ~ /tomic (read|write) of size [48] at [^\n]*\n    #0 cs_/) return
    if (text ~ /odifying access of Swift variable [^\n]*\n    #0 \$s4Node6BrokerV(3add|6remove)_/ &&
        text ~ /[Rr]ead of size 8 [^\n]*\n    #0 \$s4Node8ExecutorC7deliver/) return
    if (gsub(/odifying access of Swift variable/, "&", text) == 2 &&
        text ~ /Location is heap block of size 216 .*KeyspaceAAC9databases9reclaimer8disposer/) return
  }
  print text
}
