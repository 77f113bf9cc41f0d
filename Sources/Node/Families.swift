import Commands

extension Node {
    /// Every command of the server, family by family.
    static var families: [[Command]] {
        [
            ConfigCommands.commands,
            ConnectionCommands.commands,
            PubSubCommands.commands,
            MonitorCommand.commands,
            TransactionCommands.commands,
            StringCommands.commands,
            VersionCommands.commands,
            BitCommands.commands,
            HashCommands.commands,
            SetCommands.commands,
            SortedSetCommands.commands,
            GeoCommands.commands,
            HyperLogLogCommands.commands,
            StreamCommands.commands,
            KeyCommands.commands,
            ListCommands.commands,
            MigrateCommand.commands,
            SortCommands.commands,
            ClientCommands.commands,
            ServerCommands.commands,
            SnapshotCommands.commands,
            MemoryCommands.commands,
            CommandCommands.commands,
            SlowlogCommands.commands,
            LatencyCommands.commands,
            DebugCommands.commands,
            ACLCommands.commands,
            ClusterCommands.commands,
            ConsistencyCommand.commands,
            ScriptCommands.commands,
            FunctionCommands.commands,
            ExtensionCommands.commands,
            ReplicationCommands.commands,
            LolwutCommand.commands,
        ]
    }
}
