import Primitives
import Testing

@Suite struct PrimitiveTests {
    @Test func tokensCompareByEpochThenCounter() {
        let tokens = [(1, 9), (1, 10), (2, 1), (2, 2)].map { FencingToken(epoch: $0.0, counter: $0.1) }
        var generator = SeededGenerator(seed: 1)
        let shuffled = tokens.shuffled(using: &generator)
        #expect(tokens == shuffled.sorted())
        #expect(FencingToken("7.1843") == FencingToken(epoch: 7, counter: 1843))
        #expect("\(FencingToken(epoch: 7, counter: 1843))" == "7.1843")
    }

    @Test(arguments: ["", "7", "7.", ".3", "7.3.1", "-1.2", "a.b", "7.99999999999999999999"])
    func whatIsNoTokenIsRefused(text: String) { #expect(FencingToken(text) == nil) }

    @Test func idsAreReadAsTheyArePrinted() throws {
        let device = DeviceID(Digest(1, .max, 3, 1 << 63))
        #expect(DeviceID(hex: device.description) == device)
        #expect(Digest(bytes: device.digest.bytes) == device.digest)
        #expect(DeviceID(hex: "12") == nil)
        #expect(DeviceID(hex: String(repeating: "g", count: 64)) == nil)
    }

    @Test func revisionsAreFullLowerCaseIds() {
        #expect(Revision(hex: String(repeating: "a", count: 40)) != nil)
        #expect(Revision(hex: String(repeating: "a", count: 64)) != nil)
        for text in ["", "abc", String(repeating: "A", count: 40), String(repeating: "a", count: 41)] {
            #expect(Revision(hex: text) == nil)
        }
    }

    @Test func lockNamesArePrintableAndBounded() {
        #expect(LockName("deploy/eu-1") != nil)
        for text in ["", "a b", "tab\t", "ä", String(repeating: "x", count: Limits.lockNameBytes + 1)] {
            #expect(LockName(text) == nil)
        }
    }

    @Test func theGeneratorIsTheSameEverywhere() {
        // SplitMix64 with seed 0: the first outputs of the reference implementation (Steele, Lea, Flood 2014).
        var generator = SeededGenerator(seed: 0)
        let first = [generator.next(), generator.next()]
        #expect(first == [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4])
    }

    @Test func drawsStayInTheirRange() {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<1000 {
            let number = generator.below(10)
            #expect(number < 10)
            let duration = generator.duration(in: .milliseconds(500)...(.seconds(1)))
            #expect((Duration.milliseconds(500)...Duration.seconds(1)).contains(duration))
        }
    }

    @Test func roundsAreOrderedByTokenThenSequence() {
        let older = RoundID(token: FencingToken(epoch: 1, counter: 1), sequence: 9)
        let newer = RoundID(token: FencingToken(epoch: 1, counter: 2), sequence: 1)
        #expect(older < newer)
        #expect("\(newer)" == "1.2/1")
    }

    @Test func instantsPrintMilliseconds() {
        #expect("\(Instant.origin + .milliseconds(12_005))" == "12.005")
        #expect((Instant.origin + .seconds(3)) - (Instant.origin + .seconds(1)) == .seconds(2))
    }
}
