import Primitives
import Testing

@testable import Identity

@Suite struct InviteTests {
    private static func invite(addresses: [String] = ["192.168.1.10:47700", "[::1]:47700"]) throws -> Invite {
        var generator = SeededGenerator(seed: 3)
        return try Invite(
            secret: InviteSecret(using: &generator), pin: DeviceID(number: 4), meshID: MeshID(Digest(1, 2, 3, 4)),
            addresses: addresses, expires: 1_790_000_000)
    }

    @Test func textIsOneLineAndReadsBack() throws {
        let invite = try Self.invite()
        #expect(invite.text.hasPrefix("baton1-"))
        #expect(invite.text.utf8.allSatisfy { (33...126).contains($0) })
        #expect(try Invite(invite.text) == invite)
        #expect(try Invite("  \(invite.text.uppercased())\r\n") == invite)
        let middle = invite.text.index(invite.text.startIndex, offsetBy: 76)
        #expect(try Invite(invite.text[..<middle] + "\n   " + invite.text[middle...]) == invite)
    }

    @Test func everyLostOrChangedCharacterIsFound() throws {
        let text = Array(try Self.invite().text)
        for offset in 7..<text.count {
            var lost = text
            lost.remove(at: offset)
            #expect(throws: InviteError.damaged) { try Invite(String(lost)) }
            var changed = text
            changed[offset] = changed[offset] == "7" ? "8" : "7"
            #expect(throws: InviteError.damaged) { try Invite(String(changed)) }
        }
        #expect(throws: InviteError.damaged) { try Invite(String(text.prefix(40))) }
        #expect(throws: InviteError.damaged) { try Invite("baton1-") }
    }

    @Test func otherTextsAreNamed() throws {
        for text in ["", "hello", "baton-", "batonx-00", "baton0-00", "https://example.org/a-b", "-", "baton1"] {
            #expect(throws: InviteError.notAnInvite) { try Invite(text) }
        }
        #expect(throws: InviteError.newerVersion(2)) { try Invite("baton2-whatever") }
        #expect(throws: InviteError.notAnInvite) { try Invite(String(repeating: "x", count: 100_000)) }
    }

    @Test func noBytesTrapTheReader() throws {
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<2000 {
            let body = (0..<Int(generator.below(160))).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            let text = InviteText.prefix + Base32.encode(body + InviteText.checksum(body))
            _ = try? Invite(text)
        }
    }

    @Test func addressesAreBounded() throws {
        for addresses in [
            [], [""], ["a b:1"], [String(repeating: "a", count: 256)], Array(repeating: "a:1", count: 17),
        ] {
            #expect(throws: InviteError.badAddresses) { try Self.invite(addresses: addresses) }
        }
        let longest = Array(repeating: String(repeating: "a", count: 255), count: 16)
        #expect(try Invite(Self.invite(addresses: longest).text).addresses == longest)
    }

    @Test func printingAnInviteShowsNoSecret() throws {
        let invite = try Self.invite()
        var dumped = ""
        dump(invite, to: &dumped)
        let byte = "\(invite.secret.bytes)"
        #expect(!"\(invite)".contains(byte) && !dumped.contains("bytes") && "\(invite)".contains("(secret)"))
    }

    @Test func checkWordsAgreeOnBothSidesAndTellKeysApart() {
        #expect(CheckWords.list.count == 256 && Set(CheckWords.list).count == 256)
        let (a, b, c) = (DeviceID(number: 1), DeviceID(number: 2), DeviceID(number: 3))
        let hash = Digest(9, 9, 9, 9)
        let words = CheckWords.words(a, b, secretHash: hash)
        #expect(words.count == 4)
        #expect(words == CheckWords.words(b, a, secretHash: hash))
        #expect(words != CheckWords.words(a, c, secretHash: hash))
        #expect(words != CheckWords.words(a, b, secretHash: Digest(9, 9, 9, 8)))
    }
}

@Suite struct InviteBookTests {
    private var generator = SeededGenerator(seed: 11)
    private var book = InviteBook()
    private let start = Instant.origin + .seconds(1000)
    private let joiner = DeviceID(number: 1)
    private let other = DeviceID(number: 2)

    private mutating func secret() -> InviteSecret { InviteSecret(using: &generator) }

    @Test mutating func j2AnInviteWorksOnce() throws {
        let invite = secret()
        try book.open(invite, at: start)
        try book.redeem(invite, by: joiner, at: start + .seconds(1))
        try book.redeem(invite, by: joiner, at: start + .seconds(2))
        #expect(throws: InviteRefusal.used(by: joiner)) { try book.redeem(invite, by: other, at: start + .seconds(3)) }
    }

    @Test mutating func j2AnInviteExpiresOnTheInvitersClock() throws {
        let (early, late) = (secret(), secret())
        try book.open(early, at: start)
        try book.open(late, at: start)
        try book.redeem(early, by: joiner, at: start + Limits.inviteLifetime - .milliseconds(1))
        #expect(throws: InviteRefusal.expired) { try book.redeem(late, by: joiner, at: start + Limits.inviteLifetime) }
        #expect(!book.hasOpen(at: start + Limits.inviteLifetime))
    }

    @Test mutating func j2FiveWrongAttemptsBurnIt() throws {
        let invite = secret()
        try book.open(invite, at: start)
        for _ in 0..<Limits.inviteAttempts {
            let wrong = secret()
            #expect(throws: InviteRefusal.wrongSecret) { try book.redeem(wrong, by: other, at: start) }
        }
        #expect(throws: InviteRefusal.burned) { try book.redeem(invite, by: joiner, at: start) }
    }

    @Test mutating func fourWrongAttemptsDoNot() throws {
        let invite = secret()
        try book.open(invite, at: start)
        for _ in 1..<Limits.inviteAttempts {
            let wrong = secret()
            #expect(throws: InviteRefusal.wrongSecret) { try book.redeem(wrong, by: other, at: start) }
        }
        try book.redeem(invite, by: joiner, at: start)
    }

    @Test mutating func openInvitesAreBoundedAndClosedOnesForgotten() throws {
        for _ in 0..<Limits.openInvites { try book.open(secret(), at: start) }
        let extra = secret()
        #expect(throws: InviteRefusal.tooManyOpen) { try book.open(extra, at: start) }
        var now = start
        for _ in 0..<20 {
            now = now + Limits.inviteLifetime
            for _ in 0..<Limits.openInvites { try book.open(secret(), at: now) }
        }
        #expect(book.entries.count <= Limits.openInvites + Limits.closedInvites)
        #expect(book.hasOpen(at: now))
    }

    @Test mutating func aJoinThatFailedGivesTheInviteBack() throws {
        let invite = secret()
        try book.open(invite, at: start)
        try book.redeem(invite, by: joiner, at: start)
        book.giveBack(invite, by: other, at: start)
        #expect(throws: InviteRefusal.used(by: joiner)) { try book.redeem(invite, by: other, at: start) }
        book.giveBack(invite, by: joiner, at: start)
        try book.redeem(invite, by: other, at: start)
    }
}
