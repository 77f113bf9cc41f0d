import CSystem

/// The system's error numbers that code here acts upon.
public enum Errno {
    public static let interrupted = EINTR
    public static let inputOutput = EIO
    public static let exists = EEXIST
    public static let taken = EWOULDBLOCK
    public static let wouldWait = EAGAIN
    public static let tooLarge = EFBIG
}
