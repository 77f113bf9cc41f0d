import Commands

extension Node {
    /// Every command of the server, family by family.
    static var families: [[Command]] {
        [
            ConnectionCommands.commands,
            TransactionCommands.commands,
        ]
    }
}
