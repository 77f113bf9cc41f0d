/// Commands on keys whatever their type, and on whole databases (redis.io/commands, groups generic and server).
public enum KeyCommands {
    public static let commands: [Command] =
        removing + transferring + inspecting + deadlines + payloads + walking + databases
}
