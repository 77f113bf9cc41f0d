/// The family of hashes: fields with values under one key.
public enum HashCommands {
    public static let commands: [Command] = writing + reading
}
