/// Lists (redis.io/docs/data-types/lists).
public enum ListCommands {
    public static var commands: [Command] { ends + reading + editing + moving + blocking }
}
