import Commands

extension Node {
    /// Every command of the server, family by family.
    static var families: [[Command]] {
        [
            ConfigCommands.commands,
            ConnectionCommands.commands,
            TransactionCommands.commands,
            StringCommands.commands,
            BitCommands.commands,
            KeyCommands.commands,
            ClientCommands.commands,
            ServerCommands.commands,
            MemoryCommands.commands,
        ]
    }
}
