import Base
import Commands
import RESP

/// LOLWUT: the bird the server is named after. In heraldry the martlet has no feet: it never rests.
enum LolwutCommand {
    static let commands: [Command] = [
        Command(
            "lolwut", arity: -1, [.readonly, .fast], group: .server, since: "5.0.0", complexity: "",
            summary: "Draws a picture and answers the server's version.",
            arguments: [Argument("version", .integer, token: "VERSION", optional: true)]
        ) {
            let call = Call($0)
            // The version chooses a picture in Redis. There is one here, but a wrong number is an error all the same.
            if call.count > 2 && call[1].isWord("version") && call.integer(2) == nil { return }
            call.reply.verbatim(
                picture + "\nMartlet ver. \(Version.martlet) (follows Redis ver. \(Version.redis))\n")
        }
    ]

    private static let picture = #"""
                                            __
                                         .-'  `.
                                        /   o   \__
                                       |         __>
                    ____              /        .'
              _.--''    ``--.._______/        /
          _.-'      __                       /
        .'     _.--'  ``--.._               |
        `--..-'       ___    ``-.           /
           _.------.-'   ``-.     `.      .'
        .-'  __...--``--..__  `.     \   .'
         `-''               `-. \     \-'
         _______________...----'  |   /
         `--.______....__        /  .'
                   _____.-'___.-'--'
          ___..--''  ___.-'
         `----..---''
        """#
}
