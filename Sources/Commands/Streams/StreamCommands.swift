/// Streams and their consumer groups (redis.io/commands, group stream).
public enum StreamCommands {
    public static let commands: [Command] = entries + pending + groups
}
