/** What /api/v1/lecture answers, as far as the view reads it. */

export interface Check {
  label: string;
  relation: string;
  stated: number;
  stated_text: string;
  computed: number;
  unit: string;
  holds: boolean;
}

export interface Claim {
  id: string;
  chapter: string;
  question: string;
  says: string;
  steps: readonly { name: string; text: string; equation: string; summary: string; value: number; unit: string; arguments: readonly { name: string; value: number; unit: string }[] }[];
  checks: readonly Check[];
  verdict: "reproduced" | "corrected" | "claim";
  basis: string;
  right: string;
  why: string;
  where: string;
  source: { title: string; address: string };
}

export interface Lecture {
  chapters: readonly { key: string; title: string; reproduced: number; corrected: number; claim: number }[];
  claims: readonly Claim[];
}
