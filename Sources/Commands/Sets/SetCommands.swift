/// The family of sets.
public enum SetCommands {
    public static let commands: [Command] = membership + algebra
}
