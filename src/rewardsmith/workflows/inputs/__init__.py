"""What a run reads beside its pairs, and how it sets aside the rows that cannot be used."""
