import Base
import Commands
import Scripting

extension Executor {
    /// What clients are told while a script has been running for too long.
    static func busyText(_ kind: Interpreter.Kind) -> StaticString {
        switch kind {
        case .scripts:
            "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
        case .functions:
            "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE."
        }
    }
}
