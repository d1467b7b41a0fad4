import Testing

@testable import SimulateCommand

@Suite struct ArgumentTests {
    @Test func `durations are read, others refused`() {
        #expect(SeedOptions.nanoseconds("90s") == 90_000_000_000)
        #expect(SeedOptions.nanoseconds("5 minutes") == nil)
        #expect(SeedOptions.nanoseconds("25h") == nil)
    }

    @Test func `ranges of seeds are read, others refused`() {
        #expect(SeedOptions.range("3..9") == 3...9)
        for bad in ["9..3", "3", "3...9", "a..b", "1..99999999999", "-1..3"] {
            #expect(SeedOptions.range(bad) == nil, "\(bad)")
        }
    }
}
