// swift-tools-version: 6.2
// The manifest is the map of the house: one directory = one module = one layer, and a target
// depends only on targets above it. `make build` refuses an import that is not declared here.
import PackageDescription

let usual: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
    // Exclusivity is proved by the tests, which run with the checks on (debug builds).
    .unsafeFlags(
        [
            "-enforce-exclusivity=unchecked", "-cross-module-optimization",
            "-Xllvm", "-cmo-function-size-limit=1000",
        ],
        .when(configuration: .release)),
]

// A build that can be told to make mistakes, for the simulator to notice (docs/testing.md): never one that is shipped.
let canaries: [SwiftSetting] = Context.environment["MARTLET_CANARIES"] == nil ? [] : [.define("CANARIES")]
let settings = canaries + usual

func layer(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

let package = Package(
    name: "martlet",
    products: [
        .executable(name: "martlet-server", targets: ["martlet-server"]),
        .executable(name: "martlet-check", targets: ["martlet-check"]),
        .executable(name: "martlet-sim", targets: ["martlet-sim"]),
    ],
    targets: [
        .target(
            name: "CSystem",
            cSettings: [.unsafeFlags(["-O3"], .when(configuration: .release))],
            linkerSettings: [
                .linkedLibrary("jemalloc"), .linkedLibrary("crypto"), .linkedLibrary("lz4"), .linkedLibrary("zstd"),
            ]),
        layer("Base", ["CSystem"]),
        // Worlds for tests to run in: they go wrong as a seed says.
        layer("Simulation", ["Base", "CSystem"]),
        layer("RESP", ["Base"]),
        layer("Causality", ["Base"]),
        layer("Cluster", ["Base"]),
        layer("Replication", ["Base", "Causality", "Cluster"]),
        layer("Storage", ["Base", "CSystem"]),
        layer("Keyspace", ["Base", "CSystem", "Causality"]),
        layer("Commands", ["Base", "CSystem", "RESP", "Causality", "Keyspace"]),
        // Debian's Lua 5.1, linked into the binary, and everything about it that only C can do.
        .target(
            name: "CLua",
            cSettings: [.unsafeFlags(["-O3"], .when(configuration: .release))],
            linkerSettings: [.linkedLibrary(":liblua5.1.a"), .linkedLibrary("m")]),
        layer("Scripting", ["Base", "CSystem", "CLua", "Commands"]),
        layer(
            "Node",
            [
                "Base", "CSystem", "CLua", "RESP", "Causality", "Cluster", "Replication", "Storage", "Keyspace",
                "Commands",
                "Scripting",
            ]),
        // Whole nodes on a simulated network, in one thread.
        layer("NodeSimulation", ["Base", "Cluster", "Keyspace", "Node", "Simulation"]),
        // One seed's course through the faults, and what is promised through them.
        layer("Trials", ["Base", "Cluster", "Node", "NodeSimulation", "Simulation"]),
        layer("Reactor", ["Base", "CSystem"]),
        .executableTarget(
            name: "martlet-server",
            dependencies: ["Base", "CSystem", "Cluster", "Storage", "Keyspace", "Node", "Reactor"],
            swiftSettings: settings),
        // swift run -c release TableBench DIRECTORY
        .executableTarget(
            name: "TableBench", dependencies: ["Base", "CSystem", "Storage"], path: "bench/TableBench",
            swiftSettings: settings),
        // swift run -c release RingTable
        .executableTarget(
            name: "RingTable", dependencies: ["Base", "Cluster"], path: "bench/RingTable", swiftSettings: settings),
        // A simulated network for members; swift run -c release GossipTable
        .target(
            name: "ClusterSimulation", dependencies: ["Base", "Cluster", "Simulation"], path: "bench/ClusterSimulation",
            swiftSettings: settings),
        .executableTarget(
            name: "GossipTable", dependencies: ["Base", "Cluster", "ClusterSimulation"], path: "bench/GossipTable",
            swiftSettings: settings),
        .executableTarget(
            name: "martlet-sim", dependencies: ["Base", "CSystem", "Trials"], swiftSettings: settings),
        .executableTarget(name: "martlet-check", dependencies: ["Base", "Storage"], swiftSettings: settings),
        // What fuzzing checks, and the fuzzer: `make fuzz` builds it with -DFUZZING, otherwise it replays files.
        .target(
            name: "FuzzOracles", dependencies: ["Base", "RESP"], path: "Fuzz/FuzzOracles",
            swiftSettings: settings),
        .target(name: "FuzzCorpus", dependencies: ["Base"], path: "Fuzz/FuzzCorpus", swiftSettings: settings),
        .executableTarget(
            name: "FuzzRequests", dependencies: ["FuzzOracles", "FuzzCorpus"], path: "Fuzz/FuzzRequests",
            swiftSettings: settings),
        .target(
            name: "PayloadOracle", dependencies: ["Base", "Keyspace", "Node"], path: "Fuzz/PayloadOracle",
            swiftSettings: settings),
        .executableTarget(
            name: "FuzzPayloads", dependencies: ["PayloadOracle", "FuzzCorpus", "FuzzMemory"],
            path: "Fuzz/FuzzPayloads",
            swiftSettings: settings),
        .target(
            name: "TableOracle", dependencies: ["Base", "Storage", "Simulation", "FuzzCorpus"],
            path: "Fuzz/TableOracle",
            swiftSettings: settings),
        .executableTarget(
            name: "FuzzTables", dependencies: ["TableOracle", "FuzzCorpus", "FuzzMemory"],
            path: "Fuzz/FuzzTables",
            swiftSettings: settings),
        .target(
            name: "FileOracle", dependencies: ["Base", "Causality", "Storage", "Keyspace", "Simulation", "FuzzCorpus"],
            path: "Fuzz/FileOracle",
            swiftSettings: settings),
        .executableTarget(
            name: "FuzzFiles", dependencies: ["Base", "CSystem", "FileOracle", "FuzzCorpus", "FuzzMemory"],
            path: "Fuzz/FuzzFiles",
            swiftSettings: settings),
        .target(name: "FuzzMemory", path: "Fuzz/FuzzMemory"),
        tests("ReactorTests", ["Base", "CSystem", "Reactor"]),
        tests("ServerTests", ["Base", "CSystem", "Cluster", "Keyspace", "Node", "Reactor", "Simulation"]),
        tests("BaseTests", ["Base", "CSystem"]),
        tests("ClusterTests", ["Base", "Cluster", "ClusterSimulation"]),
        tests("StorageTests", ["Base", "CSystem", "Storage", "Simulation", "TableOracle", "FuzzCorpus"]),
        tests("SimulationTests", ["Base", "CSystem", "Simulation"]),
        tests("CausalityTests", ["Base", "Causality"]),
        tests("ReplicationTests", ["Base", "Causality", "Cluster", "Replication"]),
        tests("TrialsTests", ["Base", "Trials"]),
        tests("RESPTests", ["Base", "RESP", "FuzzOracles", "FuzzCorpus"]),
        tests("KeyspaceTests", ["Base", "CSystem", "Causality", "Keyspace"]),
        tests("CommandsTests", ["Base", "CSystem", "RESP", "Causality", "Keyspace", "Commands"]),
        tests("ScriptingTests", ["Base", "Commands", "Scripting"]),
        tests(
            "NodeTests",
            [
                "Base", "CSystem", "RESP", "Causality", "Keyspace", "Commands", "Node", "Scripting", "PayloadOracle",
                "FileOracle", "FuzzCorpus", "Simulation", "NodeSimulation", "Cluster", "Storage",
            ]),
    ]
)
