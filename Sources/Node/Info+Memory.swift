import Base
import CSystem
import Commands
import Keyspace
import Scripting

/// Where the memory goes, for INFO and MEMORY. Bytes.
struct MemoryPicture {
    let figures: MemoryGauge.Figures
    let resident: Int
    let clients: Int
    /// Per database with keys: its tables' bucket arrays, those of keys with deadlines, and the keys.
    var databases: [(index: Int, tables: Int, expiring: Int, keys: Int)] = []

    init(_ call: Call, _ figures: MemoryGauge.Figures, _ process: ProcessFigures, clients: Int) {
        self.figures = figures
        resident = process.residentBytes
        self.clients = clients
        let count = call.keyspace.databaseCount
        var tables = [Int](repeating: 0, count: count), expiring = tables, keys = tables
        call.forEachPartition { partition in
            for i in 0..<count {
                tables[i] += partition.pointee.databases[i].entries.arrayBytes
                expiring[i] += partition.pointee.databases[i].expiring.arrayBytes
                keys[i] += partition.pointee.databases[i].entries.count
            }
        }
        databases = (0..<count).filter { keys[$0] > 0 }.map { ($0, tables[$0], expiring[$0], keys[$0]) }
    }

    var keys: Int { databases.reduce(0) { $0 + $1.keys } }

    /// All that is not keys and values.
    var overhead: Int { figures.startup + clients + databases.reduce(0) { $0 + $1.tables + $1.expiring } }

    var dataset: Int { max(0, figures.allocated - overhead) }

    /// Of what has been allocated since the start.
    var datasetPercent: Double {
        let grown = figures.allocated - figures.startup
        return grown > 0 ? Double(dataset) * 100 / Double(grown) : 0
    }

    var peakPercent: Double { Double(figures.allocated) * 100 / Double(max(1, figures.peak)) }

    static func ratio(_ part: Int, _ whole: Int) -> Double { whole == 0 ? 0 : Double(part) / Double(whole) }
}

extension Info {
    mutating func memoryFigures() {
        let memory = node.memory.figures
        let picture = MemoryPicture(call, memory, process, clients: clients.bytes)
        addBytes("used_memory", memory.allocated)
        addBytes("used_memory_rss", process.residentBytes)
        addBytes("used_memory_peak", memory.peak)
        add("used_memory_peak_perc", Figure.fixed(picture.peakPercent, 2) + "%")
        add("used_memory_overhead", picture.overhead)
        add("used_memory_startup", memory.startup)
        add("used_memory_dataset", picture.dataset)
        add("used_memory_dataset_perc", Figure.fixed(picture.datasetPercent, 2) + "%")
        add("allocator_allocated", memory.allocated)
        add("allocator_active", memory.active)
        add("allocator_resident", memory.resident)
        addBytes("total_system_memory", process.memoryBytes)
        addScripts()
        addBytes("maxmemory", settings.maxMemory)
        add("maxmemory_policy", settings.maxMemoryPolicy.rawValue)
        addRatio("allocator_frag_ratio", memory.active, memory.allocated)
        add("allocator_frag_bytes", memory.active - memory.allocated)
        addRatio("allocator_rss_ratio", memory.resident, memory.active)
        add("allocator_rss_bytes", memory.resident - memory.active)
        addRatio("rss_overhead_ratio", process.residentBytes, memory.resident)
        add("rss_overhead_bytes", process.residentBytes - memory.resident)
        addRatio("mem_fragmentation_ratio", process.residentBytes, memory.allocated)
        add("mem_fragmentation_bytes", process.residentBytes - memory.allocated)
        let logMemory = node.persistence?.logMemory ?? 0
        add("mem_not_counted_for_evict", logMemory)
        addZeros("mem_replication_backlog", "mem_total_replication_buffers", "mem_clients_slaves")
        add("mem_clients_normal", clients.bytes)
        add("mem_cluster_links", node.executors.flatMap { $0.peers.links }.reduce(0) { $0 + $1.pending })
        add("mem_aof_buffer", logMemory)
        add("mem_allocator", MemoryGauge.allocatorName)
        add("active_defrag_running", 0)
        add("lazyfree_pending_objects", node.doors.disposer.pending)
        add("lazyfreed_objects", node.doors.disposer.finished)
    }

    private mutating func addScripts() {
        call.executor.scripts.tidy()
        let evals = node.executors.reduce(0) { $0 + $1.scripts.memory(.scripts) }
        let functions = node.executors.reduce(0) { $0 + $1.scripts.memory(.functions) }
        let libraries = node.libraries.current.libraries
        addBytes("used_memory_lua", evals)
        add("used_memory_vm_eval", evals)
        add("used_memory_scripts_eval", node.scripts.memory)
        add("number_of_cached_scripts", node.scripts.count)
        add("number_of_functions", libraries.reduce(0) { $0 + $1.functions.count })
        add("number_of_libraries", libraries.count)
        add("used_memory_vm_functions", functions)
        addBytes("used_memory_vm_total", evals + functions)
        add("used_memory_functions", node.libraries.memory)
        addBytes("used_memory_scripts", node.scripts.memory + node.libraries.memory)
    }
}
