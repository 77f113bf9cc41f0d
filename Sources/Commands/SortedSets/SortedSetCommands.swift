/// Sorted sets: members with scores, in the order of (score, member).
public enum SortedSetCommands {
    public static let commands: [Command] = writing + reading + ranges + algebra
}
